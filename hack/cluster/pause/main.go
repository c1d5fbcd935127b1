// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command pause does nothing until it is told to end, as the first process of a pod's or a node's process namespace:
// there it takes over the children that lost their parent, and ends them properly.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
