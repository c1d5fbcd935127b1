// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command pause waits for a signal to end. It is the first process in the process namespace of a pod or a node, so it also
// reaps the processes that have ended and whose parent has ended before.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
