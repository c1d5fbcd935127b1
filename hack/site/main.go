// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command site checks the site that hugo builds from docs/. Every link to the site or into the repository leads to something that is there,
// with its anchor, every page is reached from another one, and a page loads nothing from elsewhere. Its arguments are files of the repository: the addresses of the site in them,
// such as those of the runbooks in the alerts, have to exist as well.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/url"
	"os"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("site: ")
	folder := flag.String("site", "", "folder of the built site")
	address := flag.String("address", "https://haltline.dev/", "where the site is published; ends with a slash")
	checkout := flag.String("checkout", ".", "folder of the repository")
	repository := flag.String("repository", "https://haltline.dev/haltline/tree/main/", "where files of the repository are read; ends with a slash")
	flag.Parse()
	if err := run(*folder, *address, *checkout, *repository, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(folder, address, checkout, repository string, files []string) error {
	base, err := url.Parse(address)
	if err != nil {
		return err
	}
	built, err := readSite(os.DirFS(folder), base)
	if err != nil {
		return err
	}
	built.repository, built.checkout = repository, os.DirFS(checkout)
	problems := append(built.checkPages(), built.checkIndex()...)
	for _, file := range files {
		found, err := built.checkFile(file)
		if err != nil {
			return err
		}
		problems = append(problems, found...)
	}
	for _, problem := range problems {
		log.Print(problem)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d links are broken", len(problems))
	}
	fmt.Printf("site: %d pages, %d links, and the addresses in %d files\n", len(built.pages), built.countLinks(), len(files))
	return nil
}
