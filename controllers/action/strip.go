// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// StripMetadata leaves out of the metadata of an object for the cache everything that users size: all labels and annotations
// except those of the names given, the owners, the finalizers, and the managed fields.
func StripMetadata(meta *metav1.ObjectMeta, labels, annotations []string) {
	meta.Labels = keepNamed(meta.Labels, labels)
	meta.Annotations = keepNamed(meta.Annotations, annotations)
	meta.OwnerReferences, meta.Finalizers, meta.ManagedFields = nil, nil, nil
	meta.GenerateName = ""
}

// keepNamed returns the entries of a map that have one of the names, or nil if there are none. It is a map of its own.
func keepNamed(all map[string]string, names []string) map[string]string {
	var kept map[string]string
	for _, name := range names {
		if value, ok := all[name]; ok {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[name] = value
		}
	}
	return kept
}
