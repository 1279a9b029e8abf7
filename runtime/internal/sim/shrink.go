package sim

import "slices"

// Smaller makes the options of a failing run smaller, one thing at a time, while the run still
// fails in some way: whole kinds of faults first, then the programs, then the fate of each
// datagram. It runs at most so many simulations, and returns options that fail.
func Smaller(o Options, runs int) Options {
	for smaller := true; smaller && runs > 0; {
		smaller = false
		for _, try := range simpler(o) {
			if runs--; runs < 0 {
				return o
			}
			if fails(try) {
				o, smaller = try, true
			}
		}
	}
	return spare(o, runs)
}

// fails reports whether a run fails before anything like its own time is over.
func fails(o Options) bool { return Run(o).Failure != nil }

// simpler returns options of which each lacks one thing that o has.
func simpler(o Options) (all []Options) {
	try := func(worthwhile bool, change func(o *Options)) {
		if worthwhile {
			p := o
			change(&p)
			all = append(all, p)
		}
	}
	for i := range o.Faults {
		try(true, func(o *Options) { o.Faults = slices.Delete(slices.Clone(o.Faults), i, i+1) })
	}
	for _, p := range []func(o *Options) *float64{
		func(o *Options) *float64 { return &o.Attack },
		func(o *Options) *float64 { return &o.Corrupt },
		func(o *Options) *float64 { return &o.Truncate },
		func(o *Options) *float64 { return &o.Duplicate },
		func(o *Options) *float64 { return &o.Delay },
		func(o *Options) *float64 { return &o.Drop },
		func(o *Options) *float64 { return &o.Aborts },
	} {
		try(*p(&o) > 0, func(o *Options) { *p(o) = 0 })
	}
	for _, p := range []func(o *Options) *int{
		func(o *Options) *int { return &o.Clients },
		func(o *Options) *int { return &o.Conns },
		func(o *Options) *int { return &o.Sessions },
		func(o *Options) *int { return &o.Messages },
	} {
		try(*p(&o) > 1, func(o *Options) { *p(o) = 1 })
		try(*p(&o) > 2, func(o *Options) { *p(o) /= 2 })
	}
	try(o.Size > 10, func(o *Options) { o.Size /= 4 })
	try(o.Pause > 0, func(o *Options) { o.Pause = 0 })
	try(o.Linger > 0, func(o *Options) { o.Linger = 0 })
	try(o.MaxStreams > 0, func(o *Options) { o.MaxStreams = 0 })
	try(o.Marks != nil, func(o *Options) { o.Marks = nil })
	try(o.MTU > 1200, func(o *Options) { o.MTU = 1200 })
	return all
}

// spare finds datagrams whose fate may be good, in ever smaller groups.
func spare(o Options, runs int) Options {
	hurt := Run(o).hurt
	for size := (len(hurt) + 1) / 2; size > 0; size /= 2 {
		for i := 0; i < len(hurt); {
			if runs--; runs < 0 {
				return o
			}
			try := o
			group := hurt[i:min(i+size, len(hurt))]
			try.Spared = append(slices.Clone(o.Spared), group...)
			if out := Run(try); out.Failure != nil {
				o, hurt = try, out.hurt // the datagrams have other numbers now, behind those that were spared
			} else {
				i += size
			}
		}
	}
	return o
}
