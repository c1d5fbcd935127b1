// Checks the site that hugo builds from docs/.
module haltline.dev/haltline/hack/site

go 1.26.0

require golang.org/x/net v0.62.0
