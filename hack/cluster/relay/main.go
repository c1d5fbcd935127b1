// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command relay passes TCP connections on. It is the way from a node to its API server, which itself listens on the
// loopback address alone; without the relay the node is cut off.
package main

import (
	"io"
	"log"
	"net"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: relay LISTEN-ADDRESS:PORT TARGET-ADDRESS:PORT")
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go relay(client, os.Args[2])
	}
}

func relay(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		log.Print(err)
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go pass(server, client)
	go pass(client, server)
	// TLS has no use for a connection that is open in one direction only.
	<-done
}
