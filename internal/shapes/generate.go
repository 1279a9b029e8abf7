package shapes

//go:generate go run ../../cmd/sessgen
