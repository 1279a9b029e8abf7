// Package codec measures the codec of generated protocols beside protobuf-go and vtprotobuf.
package codec

//go:generate sh -c "go run github.com/sessgen/sessgen/cmd/sessgen export proto feed > pb/feed.proto"
//go:generate go run ./genpb
