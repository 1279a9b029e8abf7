// Command genpb compiles pb/feed.proto, which sessgen exports, with the generators of
// protobuf-go and vtprotobuf. It needs no protoc.
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
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const (
	file      = "feed.proto"
	goPackage = "github.com/sessgen/sessgen/bench/codec/pb"
)

func main() {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{"pb"}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), file)
	check(err)
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file},
		Parameter:      proto.String("paths=source_relative,M" + file + "=" + goPackage + ";pb"),
		ProtoFile:      withImports(nil, files[0]),
	}
	generate("google.golang.org/protobuf/cmd/protoc-gen-go", request)
	*request.Parameter += ",features=marshal+unmarshal+size"
	generate("github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto", request)
}

// withImports are the descriptors of a file, behind those of what it imports.
func withImports(before []*descriptorpb.FileDescriptorProto, f protoreflect.FileDescriptor) []*descriptorpb.FileDescriptorProto {
	for i := range f.Imports().Len() {
		before = withImports(before, f.Imports().Get(i).FileDescriptor)
	}
	for _, d := range before {
		if d.GetName() == f.Path() {
			return before
		}
	}
	return append(before, protoutil.ProtoFromFileDescriptor(f))
}

func generate(plugin string, request *pluginpb.CodeGeneratorRequest) {
	in, err := proto.Marshal(request)
	check(err)
	cmd := exec.Command("go", "run", plugin)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	check(err)
	var response pluginpb.CodeGeneratorResponse
	check(proto.Unmarshal(out, &response))
	if response.Error != nil {
		log.Fatal(response.GetError())
	}
	for _, f := range response.File {
		path := filepath.Join("pb", filepath.Base(f.GetName()))
		check(os.WriteFile(path, []byte(f.GetContent()), 0o644))
		fmt.Println(path)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
