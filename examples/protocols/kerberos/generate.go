package kerberos

//go:generate go tool sessgen
