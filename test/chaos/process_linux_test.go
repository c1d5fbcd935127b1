// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import "syscall"

// ownProcess has the operator die with this process.
func ownProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
