package conn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// The stories are scripts: a line is something that a program or the network does, and what came of
// it follows behind ">". testdata/stories.txtar begins with the words that they are written in.
func TestStories(t *testing.T) {
	const file = "testdata/stories.txtar"
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	for i := range archive.Files {
		f := &archive.Files[i]
		t.Run(strings.ReplaceAll(f.Name, " ", "_"), func(t *testing.T) {
			told := tell(t, string(f.Data))
			if os.Getenv("SESSGEN_UPDATE") != "" && told != string(f.Data) {
				f.Data = []byte(told)
				t.Error("refreshed")
			}
			require.Equal(t, string(f.Data), told)
		})
	}
	if os.Getenv("SESSGEN_UPDATE") != "" {
		require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
	}
}

// story is a script as it is played.
type story struct {
	*world
	t      *testing.T
	out    strings.Builder
	cut    map[string]bool
	fates  map[string]string // of datagrams by number: "client 0"
	seen   map[*side]int     // events that were told
	record []flying
	from   int // where flights begins
}

// tell plays a script and returns it with what came of it.
func tell(t *testing.T, script string) string {
	s := &story{t: t, cut: map[string]bool{}, fates: map[string]string{}, seen: map[*side]int{}}
	s.world = newWorld(t)
	s.fate = s.draw
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, ">") {
			continue
		}
		s.out.WriteString(line + "\n")
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			s.play(words)
			s.tellEvents()
		}
	}
	for _, side := range s.sides() {
		if side.core != nil {
			require.NoError(t, side.core.CheckInvariants())
		}
	}
	return s.out.String()
}

func (s *story) say(format string, args ...any) {
	s.out.WriteString("> " + fmt.Sprintf(format, args...) + "\n")
}

// draw is the fate of a datagram, as the script says.
func (s *story) draw(d *flying) (copies int, late time.Duration) {
	s.record = append(s.record, *d)
	if s.cut[d.from.name] {
		return 0, 0
	}
	switch what := s.fates[fmt.Sprint(d.from.name, " ", d.number)]; what {
	case "":
		return 1, 0
	case "lose":
		return 0, 0
	case "double":
		return 2, 0
	default:
		late, err := time.ParseDuration(what)
		require.NoError(s.t, err)
		return 1, late
	}
}

func (s *story) play(words []string) {
	switch words[0] {
	case "client":
		s.act(s.client, words[1:])
	case "server":
		s.act(s.server, words[1:])
	case "dial":
		s.world.dial()
	case "open":
		id, err := s.client.core.OpenStream(s.now, []byte("header"), words[len(words)-1] == "eager")
		s.client.after()
		if err != nil {
			s.say("%v", err)
		} else {
			s.say("stream %d", id)
		}
	case "wait":
		d, err := time.ParseDuration(words[1])
		require.NoError(s.t, err)
		for until := s.now.Add(d); s.step(until); {
			s.tellEvents()
		}
	case "lose", "double": // lose client 1 2
		for _, number := range words[2:] {
			s.fates[words[1]+" "+number] = words[0]
		}
	case "delay": // delay 50ms client 1 2
		for _, number := range words[3:] {
			s.fates[words[2]+" "+number] = words[1]
		}
	case "cut":
		for _, name := range words[1:] {
			s.cut[name] = true
		}
	case "mend":
		clear(s.cut)
	case "flights":
		for ; s.from < len(s.record); s.from++ {
			s.say("%s: %s", s.record[s.from].from.name, strings.TrimSpace(describe(s.record[s.from].data)))
		}
	case "inject": // inject client garbage; inject server again 3 from a stranger
		s.inject(words[1:])
	case "ids":
		for _, end := range []*side{s.client, s.server} {
			if end.core != nil {
				s.say("%s: %s", end.name, end.core.ids.tell())
			}
		}
	case "restart": // the server has lost all memory, but not its key
		s.server.route = endpoint.New[*side](s.now, s.serverEndpoint())
		s.server.buried = true
	default:
		s.t.Fatalf("what is %q?", words)
	}
}

// inject makes something arrive that the other end did not send now.
func (s *story) inject(words []string) {
	to, addr, data := s.client, serverAddr, []byte(nil)
	if words[0] == "server" {
		to, addr = s.server, clientAddr
	}
	switch words[1] {
	case "garbage":
		data = make([]byte, 100)
		s.world.draw(data)
		data[0] = data[0]&0x43 | 0x40
		copy(data[1:], to.id[:])
	case "reset": // of the server's id with the number
		n, err := strconv.Atoi(words[2])
		require.NoError(s.t, err)
		data = packet.AppendReset(nil, packet.ID{}, s.resetTokenOf(n), make([]byte, packet.MaxReset), packet.MaxReset)
	case "again":
		n, err := strconv.Atoi(words[2])
		require.NoError(s.t, err)
		i := slices.IndexFunc(s.record, func(d flying) bool { return d.to.addr == to.addr && d.number == n })
		data = s.record[i].data
	}
	if words[len(words)-1] == "stranger" {
		addr = strangerAddr
	}
	to.arrive(addr, data)
}

// act is what the program at one end does.
func (s *story) act(end *side, words []string) {
	switch words[0] {
	case "moves", "rebinds":
		moveTo(s.world, words[1])
		if words[0] == "moves" {
			end.core.Migrate(s.now)
		}
		end.after()
		return
	}
	id := StreamID(0)
	if len(words) > 1 {
		n, err := strconv.ParseInt(words[1], 10, 64)
		require.NoError(s.t, err)
		id = StreamID(n)
	}
	var err error
	switch words[0] {
	case "idle", "keepalive", "death", "handshake": // client idle 5000 (ms), before dial
		d := time.Duration(id) * time.Millisecond
		c := &end.config
		*map[string]*time.Duration{
			"idle": &c.IdleTimeout, "keepalive": &c.KeepAlive, "death": &c.DeathTimeout, "handshake": &c.HandshakeTimeout,
		}[words[0]] = d
		return
	case "streams":
		end.config.MaxStreams = int(id)
		return
	case "messages":
		end.config.MaxMessage = int(id)
		return
	case "pool":
		end.config.Pool = int64(id)
		return
	case "send": // client send 0 hello, client send 0 5000*x last
		message := words[2]
		if count, of, many := strings.Cut(message, "*"); many {
			n, err := strconv.Atoi(count)
			require.NoError(s.t, err)
			message = strings.Repeat(of, n)
		}
		err = end.core.Send(s.now, id, []byte(message), words[len(words)-1] == "last")
	case "recv":
		messages, why := end.recv(id)
		for _, m := range messages {
			if len(m) > 40 {
				m = fmt.Sprintf("%d*%c", len(m), m[0])
			}
			s.say("%s", m)
		}
		switch {
		case errors.Is(why, ErrBlocked):
			s.say("no more now")
		case errors.Is(why, io.EOF):
			s.say("the end")
		default:
			s.say("%v", why)
		}
	case "finish":
		err = end.core.Finish(s.now, id)
	case "confirm": // a channel's
		err = end.core.Confirm(id)
	case "drop": // ends the stream
		end.core.AbortStream(s.now, id, 7, "because")
	case "close":
		end.core.Close(s.now)
	case "abort":
		end.core.Abort(s.now, 5, "enough")
	case "stats":
		stats := end.core.Stats()
		s.say("sent %d, received %d, dropped %d, lost %d packets", stats.PacketsSent, stats.PacketsReceived, stats.PacketsDropped, stats.PacketsLost)
	case "bytes":
		s.say("%d bytes sent, %d kept", end.core.Stats().BytesSent, end.core.Stats().Buffered)
	default:
		s.t.Fatalf("what is %q?", words)
	}
	if err != nil {
		s.say("%v", err)
	}
	end.after()
}

// tell tells the ids by their numbers.
func (i *ids) tell() string {
	var b strings.Builder
	b.WriteString("hears at")
	for _, o := range i.own {
		if o.state > idWanted {
			fmt.Fprintf(&b, " %d", o.number)
		}
	}
	fmt.Fprintf(&b, ", sends to %d", i.peer.number)
	if i.hasSpare {
		fmt.Fprintf(&b, ", could to %d", i.spare.number)
	}
	for k, number := range i.retired {
		if i.retiring&(1<<k) != 0 {
			fmt.Fprintf(&b, ", retires %d", number)
		}
	}
	return b.String()
}

var eventNames = map[EventKind]string{
	EventConnected: "connected", EventAccepted: "accepted", EventReadable: "readable", EventWritable: "writable",
	EventStreams: "streams", EventFinished: "finished", EventAborted: "aborted", EventClosed: "closed", EventMoved: "moved",
}

// tellEvents tells the events that were not told yet.
func (s *story) tellEvents() {
	for _, side := range s.sides() {
		for ; s.seen[side] < len(side.events); s.seen[side]++ {
			e := side.events[s.seen[side]]
			text := fmt.Sprintf("%v %s %s", time.Duration(s.now)-time.Hour, side.name, eventNames[e.Kind])
			switch e.Kind {
			case EventAccepted, EventReadable, EventWritable, EventFinished, EventAborted:
				text += fmt.Sprintf(" %d", e.Stream)
			}
			if e.Kind == EventMoved {
				text = strings.Replace(text, "moved", "says that the client is at "+e.Addr.String(), 1)
			}
			if e.Err != nil {
				text += ": " + e.Err.Error()
			}
			s.say("%s", text)
		}
	}
}

// resetTokenOf is the token of a reset for the server's id with the number.
func (s *story) resetTokenOf(number int) [packet.TokenLen]byte {
	if number == 0 {
		return s.server.core.resetToken
	}
	return s.server.tokens[number-1]
}
