// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"haltline.dev/haltline/controllers/action"
)

// HandleWarnings makes the clients of a config bring the warnings of the API server to whoever asked it, so that a Pipeline shows those
// about its Jobs. Others are logged. It must be called before the manager is made.
func HandleWarnings(config *rest.Config) {
	config.WarningHandlerWithContext = action.WarningHandler{Else: log.NewKubeAPIWarningLogger(log.KubeAPIWarningLoggerOptions{})}
}
