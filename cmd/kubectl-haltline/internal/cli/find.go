// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// Latest stands for the newest execution where an execution is named.
const Latest = "@latest"

// pageSize is how many objects a list brings at a time.
const pageSize = 500

var idPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// FindExecution returns the execution that a user names: by its pipelineExecutionId, by its name, or as @latest, the newest one in the
// namespace. With a pipeline the execution has to be one of that pipelineName. If there is none, the error has CodeNotFound.
func FindExecution(ctx context.Context, c client.Client, namespace, ref, pipeline string) (*v1alpha1.PipelineExecution, error) {
	execution, err := findExecution(ctx, c, namespace, ref, pipeline)
	if err != nil {
		return nil, err
	}
	if pipeline != "" && execution.Spec.PipelineName != pipeline {
		return nil, Exitf(CodeNotFound, "execution %q is of the pipeline %q, not of %q", execution.Name, execution.Spec.PipelineName, pipeline)
	}
	return execution, nil
}

// ConnectToExecution returns a client of the cluster, and the execution that a user names: see FindExecution.
func ConnectToExecution(ctx context.Context, f *Factory, ref, pipeline string) (client.WithWatch, *v1alpha1.PipelineExecution, error) {
	c, namespace, err := f.Connect()
	if err != nil {
		return nil, nil, err
	}
	execution, err := FindExecution(ctx, c, namespace, ref, pipeline)
	return c, execution, err
}

func findExecution(ctx context.Context, c client.Client, namespace, ref, pipeline string) (*v1alpha1.PipelineExecution, error) {
	if ref == Latest {
		return latestExecution(ctx, c, namespace, pipeline)
	}
	// The id goes first: somebody could give an execution the id of another as its name.
	if idPattern.MatchString(ref) {
		if execution, err := executionByID(ctx, c, namespace, ref); err != nil || execution != nil {
			return execution, err
		}
	}
	execution := &v1alpha1.PipelineExecution{}
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref}, execution)
	if apierrors.IsNotFound(err) && !isKindMissing(err) {
		return nil, Exitf(CodeNotFound, "no execution in namespace %q has the name or id %q; see: kubectl get pipelineexecutions -n %s",
			namespace, ref, namespace)
	}
	return execution, err
}

// executionByID returns nil if there is none.
func executionByID(ctx context.Context, c client.Client, namespace, id string) (found *v1alpha1.PipelineExecution, err error) {
	byStatus := client.MatchingFields{"status.pipelineExecutionId": id}
	for _, options := range [][]client.ListOption{{byStatus}, nil} {
		err := EachExecution(ctx, c, namespace, func(execution *v1alpha1.PipelineExecution) {
			if string(execution.UID) == id {
				found = execution.DeepCopy()
			}
		}, options...)
		if err != nil || found != nil {
			return found, err
		}
		// One that the operator has not looked at has no id in its status.
	}
	return nil, nil
}

// latestExecution returns the execution that was created last. Kubernetes keeps the second of a creation, so of two in one second nobody knows which
// that is: the error has CodeUsage then, and the command acts on neither.
func latestExecution(ctx context.Context, c client.Client, namespace, pipeline string) (*v1alpha1.PipelineExecution, error) {
	var latest, other *v1alpha1.PipelineExecution
	err := EachExecution(ctx, c, namespace, func(execution *v1alpha1.PipelineExecution) {
		switch {
		case latest == nil || latest.CreationTimestamp.Before(&execution.CreationTimestamp):
			latest, other = execution.DeepCopy(), nil
		case latest.CreationTimestamp.Equal(&execution.CreationTimestamp):
			other = execution.DeepCopy()
		}
	}, OfPipeline(pipeline)...)
	switch {
	case err != nil:
		return nil, err
	case latest == nil && pipeline == "":
		return nil, Exitf(CodeNotFound, "namespace %q has no execution; start one with: kubectl haltline start PIPELINE -n %s", namespace, namespace)
	case latest == nil:
		return nil, Exitf(CodeNotFound, "the pipeline %q has no execution in namespace %q; start one with: kubectl haltline start %s -n %s",
			pipeline, namespace, pipeline, namespace)
	case other != nil:
		return nil, UsageErrorf("%s: the executions %q and %q were created in the same second; name the one that you mean", Latest, latest.Name, other.Name)
	default:
		return latest, nil
	}
}

// OfPipeline selects the executions of a pipelineName; of every pipeline if it is empty.
func OfPipeline(pipeline string) []client.ListOption {
	if pipeline == "" {
		return nil
	}
	return []client.ListOption{client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("spec.pipelineName", pipeline)}}
}

// EachExecution calls visit for every execution of a namespace, or of all of them if that is empty. It holds a page of them at a time; an
// execution that is kept has to be copied.
func EachExecution(
	ctx context.Context, c client.Client, namespace string, visit func(*v1alpha1.PipelineExecution), options ...client.ListOption,
) error {
	token := ""
	for {
		page := &v1alpha1.PipelineExecutionList{}
		all := append([]client.ListOption{client.InNamespace(namespace), client.Limit(pageSize), client.Continue(token)}, options...)
		if err := c.List(ctx, page, all...); err != nil {
			return err
		}
		for i := range page.Items {
			visit(&page.Items[i])
		}
		if token = page.Continue; token == "" {
			return nil
		}
	}
}
