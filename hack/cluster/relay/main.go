// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command relay forwards TCP connections. It connects a node to its API server, which listens on the loopback address
// only. Without the relay the node is cut off.
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
		go forwardConnection(client, os.Args[2])
	}
}

func forwardConnection(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		log.Print(err)
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	copyStream := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go copyStream(server, client)
	go copyStream(client, server)
	// TLS does not use a connection that is open in one direction only.
	<-done
}
