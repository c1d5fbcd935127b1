// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// entry is a line of the audit log (audit.k8s.io/v1 Event), as far as it matters here.
type entry struct {
	AuditID    string
	Stage      string
	RequestURI string
	Verb       string
	User       struct{ Username string }
	UserAgent  string
	ObjectRef  struct{ Resource, Subresource, Namespace, Name string }
	// ResponseStatus is the code of the answer.
	ResponseStatus           struct{ Code int }
	RequestObject            json.RawMessage
	ResponseObject           json.RawMessage
	RequestReceivedTimestamp time.Time
	StageTimestamp           time.Time
}

// ok reports whether something was stored.
func (e *entry) ok() bool {
	return e.ResponseStatus.Code/100 == 2 && !e.dryRun()
}

func (e *entry) dryRun() bool {
	u, err := url.Parse(e.RequestURI)
	return err == nil && u.Query().Has("dryRun")
}

func (e *entry) operators() bool {
	return e.User.Username == operatorUser
}

// agent is the program that asked, without its version.
func (e *entry) agent() string {
	return strings.SplitN(e.UserAgent, "/", 2)[0]
}

func (e *entry) resource() string {
	if e.ObjectRef.Subresource != "" {
		return e.ObjectRef.Resource + "/" + e.ObjectRef.Subresource
	}
	return e.ObjectRef.Resource
}

// auditLog reads the API server's audit log as it grows.
type auditLog struct {
	path   string
	offset int64
	// answered are the requests that were answered, in the order of their answers; unanswered those that were received,
	// by their ids, and not answered yet, or not before the API server was killed.
	answered   []*entry
	unanswered map[string]*entry
	// torn are lines that the end of the API server cut.
	torn int
}

// read reads what is new.
func (l *auditLog) read() error {
	f, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(l.offset, io.SeekStart); err != nil {
		return err
	}
	if l.unanswered == nil {
		l.unanswered = map[string]*entry{}
	}
	for lines := bufio.NewReaderSize(f, 1<<20); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			// A line without its end is read again when it has one.
			return nil
		}
		if err != nil {
			return err
		}
		l.offset += int64(len(line))
		l.add(line)
	}
}

func (l *auditLog) add(line []byte) {
	e := &entry{}
	if err := json.Unmarshal(bytes.TrimSpace(line), e); err != nil {
		l.torn++
		return
	}
	if e.Stage == "RequestReceived" {
		l.unanswered[e.AuditID] = e
		return
	}
	delete(l.unanswered, e.AuditID)
	l.answered = append(l.answered, e)
}

// of returns the answered requests about a namespace.
func (l *auditLog) of(namespace string) []*entry {
	var found []*entry
	for _, e := range l.answered {
		if e.ObjectRef.Namespace == namespace {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b *entry) int { return a.StageTimestamp.Compare(b.StageTimestamp) })
	return found
}

// lost returns the requests about a namespace whose answer nobody knows.
func (l *auditLog) lost(namespace string) []*entry {
	var found []*entry
	for _, e := range l.unanswered {
		if e.ObjectRef.Namespace == namespace {
			found = append(found, e)
		}
	}
	return found
}
