package emit

import (
	"time"

	"github.com/dave/jennifer/jen"
)

// duration is a duration in the largest unit that holds it whole.
func duration(d time.Duration) *jen.Statement {
	units := []struct {
		of   time.Duration
		name string
	}{
		{time.Hour, "Hour"},
		{time.Minute, "Minute"},
		{time.Second, "Second"},
		{time.Millisecond, "Millisecond"},
		{time.Microsecond, "Microsecond"},
		{time.Nanosecond, "Nanosecond"},
	}
	for _, u := range units {
		if d%u.of == 0 && d >= u.of {
			if d == u.of {
				return jen.Qual("time", u.name)
			}
			return jen.Lit(int(d/u.of)).Op("*").Qual("time", u.name)
		}
	}
	return jen.Lit(0)
}
