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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", address, profileSeconds), http.NoBody)
	if err != nil {
		return err
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a profile of %s: %s", address, response.Status)
	}
	return os.WriteFile(path, raw, 0o644)
}
