// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"haltline.dev/haltline/api/v1alpha1"
)

var stopRequests = schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "stoprequests"}

func TestExitCode(t *testing.T) {
	invalid := apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("StopRequest").GroupKind(), "x", field.ErrorList{field.Invalid(field.NewPath("spec", "reason"), "", "too long")})
	tests := map[string]struct {
		err  error
		want int
	}{
		"nothing":               {nil, CodeDone},
		"some error":            {errors.New("x"), CodeError},
		"a usage error":         {UsageErrorf("x"), CodeUsage},
		"a wrapped usage error": {fmt.Errorf("y: %w", UsageErrorf("x")), CodeUsage},
		"one that was printed":  {Reported(CodeRefused), CodeRefused},
		"one that is none":      {Reported(CodeDone), CodeDone},
		"an object is missing":  {fmt.Errorf("y: %w", apierrors.NewNotFound(stopRequests, "x")), CodeNotFound},
		"a kind is missing":     {missingKind(), CodeError},
		"a value is refused":    {fmt.Errorf("y: %w", invalid), CodeUsage},
		"forbidden":             {apierrors.NewForbidden(stopRequests, "x", errors.New("no")), CodeError},
		"interrupted":           {fmt.Errorf("y: %w", context.Canceled), CodeInterrupted},
		"the time is over":      {fmt.Errorf("y: %w", context.DeadlineExceeded), CodeTimeout},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := ExitCode(test.err); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// missingKind is the answer of an API server without the CustomResourceDefinitions.
func missingKind() error {
	return apierrors.NewGenericServerResponse(http.StatusNotFound, "get", stopRequests, "x", "404 page not found", 0, true)
}
