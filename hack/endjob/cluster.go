// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedbatchv1 "k8s.io/client-go/kubernetes/typed/batch/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// testCluster gives access to the Jobs and pods of a namespace that belongs to this run alone.
type testCluster struct {
	client    *kubernetes.Clientset
	namespace string
	jobs      typedbatchv1.JobInterface
	pods      typedcorev1.PodInterface
	tracker   *jobTracker
	image     string
	grace     int64
}

// newTestCluster creates the namespace and starts to watch it.
func newTestCluster(ctx context.Context, opts options) (*testCluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", opts.kubeconfig)
	if err != nil {
		return nil, err
	}
	if err := requireLoopback(config.Host); err != nil {
		return nil, err
	}
	config.QPS = -1
	config.UserAgent = "endjob"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "endjob-"}}
	namespace, err = client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	cluster := &testCluster{
		client: client, namespace: namespace.Name, image: opts.image, grace: opts.grace,
		jobs: client.BatchV1().Jobs(namespace.Name), pods: client.CoreV1().Pods(namespace.Name),
	}
	cluster.tracker, err = startTracker(ctx, client, namespace.Name)
	if err != nil {
		return nil, errors.Join(err, cluster.deleteNamespace())
	}
	return cluster, nil
}

// requireLoopback returns an error for a cluster that others may use.
func requireLoopback(host string) error {
	address, err := url.Parse(host)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(address.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not an address of this machine's loopback", host)
	}
	return nil
}

// deleteNamespace has a context of its own, so that nothing is left behind after an interruption either.
func (c *testCluster) deleteNamespace() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.client.CoreV1().Namespaces().Delete(ctx, c.namespace, metav1.DeleteOptions{})
}

// jobOptions holds what differs between the Jobs of a run.
type jobOptions struct {
	suspended bool // created suspended
	lingers   bool // its pod takes a few seconds to end
}

// buildJob returns a Job whose one pod runs until it is deleted. The annotations are for simulated nodes.
func (c *testCluster) buildJob(opts jobOptions) *batchv1.Job {
	parallelism, backoffLimit := int32(1), int32(2)
	annotations := map[string]string{"haltline.dev/simulated-seconds": "86400"}
	onTerm := "exit 143"
	if opts.lingers {
		annotations["haltline.dev/simulated-grace-seconds"], onTerm = "5", "sleep 5; exit 143"
	}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Annotations: annotations},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			TerminationGracePeriodSeconds: &c.grace,
			Containers: []corev1.Container{{
				Name: "main", Image: c.image,
				Command: []string{"sh", "-c", "trap '" + onTerm + "' TERM; sleep 86400 & wait"},
			}},
		},
	}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "job-"},
		Spec:       batchv1.JobSpec{Parallelism: &parallelism, BackoffLimit: &backoffLimit, Suspend: &opts.suspended, Template: template},
	}
}

func (c *testCluster) createJob(ctx context.Context, opts jobOptions) (*trackedJob, error) {
	job, err := c.jobs.Create(ctx, c.buildJob(opts), metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return c.tracker.trackJob(job), nil
}

// countPods counts the pods of a Job by a live list: those that run or may run, and those that had ended by themselves.
func (c *testCluster) countPods(ctx context.Context, tracked *trackedJob) (remaining, kept int, err error) {
	pods, err := c.listPods(ctx, tracked)
	for i := range pods {
		if hasEndedByItself(&pods[i]) {
			kept++
		} else {
			remaining++
		}
	}
	return remaining, kept, err
}

func (c *testCluster) listPods(ctx context.Context, tracked *trackedJob) ([]corev1.Pod, error) {
	pods, err := c.pods.List(ctx, metav1.ListOptions{LabelSelector: batchv1.ControllerUidLabel + "=" + string(tracked.uid)})
	if err != nil {
		return nil, err
	}
	return pods.Items, nil
}

// sleepFor returns an error if the context ends first.
func sleepFor(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return errors.New("the limit of the run was reached, or it was interrupted")
	case <-time.After(duration):
		return nil
	}
}
