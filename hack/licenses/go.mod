// Collects the licences of what is linked into the operator. It has no dependencies, because the Dockerfile runs it.
module haltline.dev/haltline/hack/licenses

go 1.26.0
