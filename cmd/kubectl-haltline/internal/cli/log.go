// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"io"

	"github.com/charmbracelet/colorprofile"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// LogOpener opens the log of a container of a pod. Who opens it closes it.
type LogOpener func(ctx context.Context, pod client.ObjectKey, options *corev1.PodLogOptions) (io.ReadCloser, error)

// openLog opens a log at the API server, which asks the kubelet of the pod.
func (f *Factory) openLog(ctx context.Context, pod client.ObjectKey, options *corev1.PodLogOptions) (io.ReadCloser, error) {
	config, err := f.RESTConfig()
	if err != nil {
		return nil, err
	}
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return c.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
}

// RawOut returns where to print what somebody else wrote, as it is: with the colors that it has, wherever it goes.
func (f *Factory) RawOut() io.Writer {
	if w, ok := f.Out.(*colorprofile.Writer); ok {
		return w.Forward
	}
	return f.Out
}

// Colored returns a text with the colors that the output has: none if it does not go to a terminal.
func (f *Factory) Colored(text string) string {
	w, ok := f.Out.(*colorprofile.Writer)
	if !ok {
		return text
	}
	var buffer bytes.Buffer
	colored := colorprofile.Writer{Forward: &buffer, Profile: w.Profile}
	if _, err := colored.WriteString(text); err != nil {
		return text
	}
	return buffer.String()
}
