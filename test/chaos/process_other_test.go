// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package chaos

import "syscall"

// ownProcess keeps an interrupt on the terminal from the operator, which this process ends.
func ownProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{}
}
