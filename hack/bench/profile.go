// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
)

// profileSeconds is how long a profile is taken: about as long as the smallest storm.
const profileSeconds = 6

// startProfiles takes CPU profiles of the API server and the operator. The function that it returns waits for them.
func (b *bench) startProfiles(ctx context.Context) func() error {
	results := make(chan error, 2)
	go func() {
		api, err := rest.HTTPClientFor(b.config)
		if err == nil {
			err = saveProfile(ctx, api, b.config.Host, filepath.Join(b.out, "apiserver.pprof"))
		}
		results <- err
	}()
	go func() {
		results <- saveProfile(ctx, http.DefaultClient, "http://"+b.operator.pprof, filepath.Join(b.out, "operator.pprof"))
	}()
	return func() error { return errors.Join(<-results, <-results) }
}

// saveProfile writes a CPU profile of a server into a file.
func saveProfile(ctx context.Context, c *http.Client, address, path string) error {
	raw, err := get(ctx, c, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", address, profileSeconds))
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}

// get returns what a server answers, or an error if that is not OK.
func get(ctx context.Context, c *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := c.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, response.Status)
	}
	return io.ReadAll(response.Body)
}
