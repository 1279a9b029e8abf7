//go:build tools

package rpcs

import (
	_ "connectrpc.com/connect/cmd/protoc-gen-connect-go"
	_ "github.com/sessgen/sessgen/cmd/sessgen"
	_ "google.golang.org/grpc/cmd/protoc-gen-go-grpc"
	_ "google.golang.org/protobuf/cmd/protoc-gen-go"
	_ "storj.io/drpc/cmd/protoc-gen-go-drpc"
)
