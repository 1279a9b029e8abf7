//go:build tools

package codec

import (
	_ "github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto"
	_ "github.com/sessgen/sessgen/cmd/sessgen"
	_ "google.golang.org/protobuf/cmd/protoc-gen-go"
)
