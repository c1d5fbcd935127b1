// Small programs of the local cluster, without dependencies. Kubernetes, etcd and kwok have modules of their own, because
// their dependencies conflict.
module haltline.dev/haltline/hack/cluster

go 1.26.0
