// Command genpb compiles pb/echo.proto with the generators of protobuf-go, grpc-go, drpc and connect-go. It needs no protoc.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const (
	file      = "echo.proto"
	goPackage = "github.com/sessgen/sessgen/bench/rpcs/pb"
)

var plugins = []string{
	"google.golang.org/protobuf/cmd/protoc-gen-go",
	"google.golang.org/grpc/cmd/protoc-gen-go-grpc",
	"storj.io/drpc/cmd/protoc-gen-go-drpc",
	"connectrpc.com/connect/cmd/protoc-gen-connect-go",
}

func main() {
	compiler := protocompile.Compiler{
		Resolver: &protocompile.SourceResolver{ImportPaths: []string{"pb"}},
	}
	files, err := compiler.Compile(context.Background(), file)
	check(err)
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file},
		Parameter:      proto.String("paths=source_relative,M" + file + "=" + goPackage + ";pb"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{protoutil.ProtoFromFileDescriptor(files[0])},
	}
	in, err := proto.Marshal(request)
	check(err)
	for _, plugin := range plugins {
		generate(plugin, in)
	}
}

func generate(plugin string, request []byte) {
	cmd := exec.Command("go", "run", plugin)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(request), os.Stderr
	out, err := cmd.Output()
	check(err)
	var response pluginpb.CodeGeneratorResponse
	check(proto.Unmarshal(out, &response))
	if response.Error != nil {
		log.Fatal(response.GetError())
	}
	for _, f := range response.File {
		path := filepath.Join("pb", f.GetName())
		check(os.MkdirAll(filepath.Dir(path), 0o755))
		check(os.WriteFile(path, []byte(f.GetContent()), 0o644))
		fmt.Println(path)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
