package rpcs

//go:generate go run github.com/sessgen/sessgen/cmd/sessgen gen echo
//go:generate go run ./genpb
