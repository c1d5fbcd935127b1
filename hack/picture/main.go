// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Command picture types commands on a terminal, and draws what the terminal shows in the end as an SVG. The commands are real, and so is the
// cluster: hack/picture/picture starts one. Each argument is a command. One that goes on until somebody ends it is followed by " ^C TEXT": it is
// ended when the terminal shows the text once more. One that follows "quietly " is run and not shown.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("picture: ")
	output := flag.String("output", "", "file to write")
	title := flag.String("title", "A terminal session", "what is read out instead of the picture")
	columns := flag.Int("columns", 100, "width of the terminal")
	flag.Parse()
	if err := run(*output, *title, *columns, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(output, title string, columns int, commands []string) error {
	term := newTerminal(columns)
	for _, command := range commands {
		if quiet, ok := strings.CutPrefix(command, "quietly "); ok {
			if out, err := exec.Command("bash", "-c", quiet).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w\n%s", quiet, err, out)
			}
		} else if err := term.run(command); err != nil {
			return err
		}
	}
	return os.WriteFile(output, []byte(draw(term.screen, title)), 0o644)
}
