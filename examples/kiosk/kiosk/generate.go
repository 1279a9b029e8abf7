package kiosk

//go:generate go tool sessgen gen --fuzz
