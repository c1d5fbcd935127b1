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

// cluster is what a run needs of a cluster: the Jobs and pods of a namespace of its own.
type cluster struct {
	client    *kubernetes.Clientset
	namespace string
	jobs      typedbatchv1.JobInterface
	pods      typedcorev1.PodInterface
	image     string
	grace     int64
}

func newCluster(ctx context.Context, o options) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, err
	}
	if err := onLoopback(config.Host); err != nil {
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
	return &cluster{
		client: client, namespace: namespace.Name, image: o.image, grace: o.grace,
		jobs: client.BatchV1().Jobs(namespace.Name), pods: client.CoreV1().Pods(namespace.Name),
	}, nil
}

// onLoopback refuses a cluster that others may use.
func onLoopback(host string) error {
	address, err := url.Parse(host)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(address.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not an address of this machine's loopback", host)
	}
	return nil
}

// remove leaves nothing behind, also after an interruption.
func (c *cluster) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.client.CoreV1().Namespaces().Delete(ctx, c.namespace, metav1.DeleteOptions{})
}

// kind is what is special about a Job.
type kind struct {
	suspended bool // created so
	lingers   bool // its pod takes a few seconds to end
}

// job is one of one pod that runs until it is deleted. The annotations are for simulated nodes.
func (c *cluster) job(k kind) *batchv1.Job {
	one, backoff := int32(1), int32(2)
	annotations := map[string]string{"haltline.dev/simulated-seconds": "86400"}
	last := "exit 143"
	if k.lingers {
		annotations["haltline.dev/simulated-grace-seconds"], last = "5", "sleep 5; exit 143"
	}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Annotations: annotations},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			TerminationGracePeriodSeconds: &c.grace,
			Containers: []corev1.Container{{
				Name: "main", Image: c.image,
				Command: []string{"sh", "-c", "trap '" + last + "' TERM; sleep 86400 & wait"},
			}},
		},
	}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "job-"},
		Spec:       batchv1.JobSpec{Parallelism: &one, BackoffLimit: &backoff, Suspend: &k.suspended, Template: template},
	}
}

func (c *cluster) start(ctx context.Context, k kind) (*subject, error) {
	job, err := c.jobs.Create(ctx, c.job(k), metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return &subject{name: job.Name, uid: job.UID}, nil
}

// podsLeft counts, by a live list, the pods of a Job that run or may run, and those that had ended before and are kept.
func (c *cluster) podsLeft(ctx context.Context, s *subject) (left, records int, err error) {
	pods, err := c.pods.List(ctx, metav1.ListOptions{LabelSelector: batchv1.ControllerUidLabel + "=" + string(s.uid)})
	if err != nil {
		return 0, 0, err
	}
	for i := range pods.Items {
		if isRecord(&pods.Items[i]) {
			records++
		} else {
			left++
		}
	}
	return left, records, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return errors.New("the limit of the run was reached, or it was interrupted")
	case <-time.After(d):
		return nil
	}
}
