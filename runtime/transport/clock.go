package transport

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// origin is when this process' clock began.
var origin = time.Now()

// now reads the clock.
func now() mono.Time { return mono.Time(time.Since(origin)) }

// instant returns the point in time at which the clock showed t.
func instant(t mono.Time) time.Time { return origin.Add(time.Duration(t)) }
