// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every kind of this package.
var GroupVersion = schema.GroupVersion{Group: "pipelines.haltline.dev", Version: "v1alpha1"}

var schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the kinds of this package with a scheme. It returns an error when a scheme holds another
// type under one of their names.
var AddToScheme = schemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Pipeline{}, &PipelineList{},
		&PipelineExecution{}, &PipelineExecutionList{},
		&StopRequest{}, &StopRequestList{},
		&ApprovalResult{}, &ApprovalResultList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
