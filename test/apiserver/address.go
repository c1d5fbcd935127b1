// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net"
)

// FreeAddress returns an address of this machine that nobody listens on.
func FreeAddress(ctx context.Context) (*net.TCPAddr, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return listener.Addr().(*net.TCPAddr), listener.Close()
}
