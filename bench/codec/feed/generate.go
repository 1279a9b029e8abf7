package feed

//go:generate go run github.com/sessgen/sessgen/cmd/sessgen
