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

const (
	pprofAddress = "127.0.0.1:20982"
	// profilePath asks for the profile of the next seconds.
	profilePath = "/debug/pprof/profile?seconds=8"
)

// startProfiles saves CPU profiles of the operator and of the API server into the folder of the results. The channel gets an error
// or nil when both are saved, and at once if no profile is wanted.
func (b *bench) startProfiles(ctx context.Context, wanted bool) <-chan error {
	done := make(chan error, 1)
	if !wanted {
		done <- nil
		return done
	}
	saved := make(chan error, 2)
	go func() {
		saved <- saveProfile(ctx, http.DefaultClient, "http://"+pprofAddress, filepath.Join(b.output, "operator.pprof"))
	}()
	go func() {
		client, err := rest.HTTPClientFor(b.config)
		if err == nil {
			err = saveProfile(ctx, client, b.config.Host, filepath.Join(b.output, "apiserver.pprof"))
		}
		saved <- err
	}()
	go func() { done <- errors.Join(<-saved, <-saved) }()
	return done
}

func saveProfile(ctx context.Context, client *http.Client, host, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, host+profilePath, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", req.URL, answer.Status)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, answer.Body)
	return errors.Join(err, file.Close())
}
