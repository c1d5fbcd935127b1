// Small programs of the local cluster, without dependencies. What the cluster is built from has modules of its own
// (kubernetes, etcd, kwok), because their dependencies do not agree.
module haltline.dev/haltline/hack/cluster

go 1.26.0
