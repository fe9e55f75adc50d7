//go:build tools

// Package tools names the programs of this family, so that go.mod and go.sum pin them.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
)
