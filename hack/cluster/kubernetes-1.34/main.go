// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kubernetes-1.34 is the API server and the controller manager of the oldest version that is supported, in one program. It
// is the component by whose name it is called. What else the tests need is of the newest version: see ../kubernetes.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // The time zones of a CronJob.

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "kube-apiserver":
		run(apiserver.NewAPIServerCommand())
	case "kube-controller-manager":
		run(controllermanager.NewControllerManagerCommand())
	default:
		fmt.Fprintf(os.Stderr, "there is no component %s in this program: call it by a link that is named kube-apiserver or kube-controller-manager\n", name)
		os.Exit(2)
	}
}

func run(command *cobra.Command) { os.Exit(cli.Run(command)) }
