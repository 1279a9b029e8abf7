package rpc

// ClientOption configures how a client makes its calls.
type ClientOption interface{ applyClient(*clientConfig) }

// HandlerOption configures how a service is served.
type HandlerOption interface{ applyHandler(*handlerConfig) }

// Option is an option for both ends.
type Option interface {
	ClientOption
	HandlerOption
}

// CallOption configures one call.
type CallOption interface{ applyCall(*Call) }

type clientConfig struct{ interceptors []Interceptor }

type handlerConfig struct {
	interceptors []Interceptor
	only         []string
}

type interceptorsOption []Interceptor

func (o interceptorsOption) applyClient(c *clientConfig) {
	c.interceptors = append(c.interceptors, o...)
}

func (o interceptorsOption) applyHandler(c *handlerConfig) {
	c.interceptors = append(c.interceptors, o...)
}

// WithInterceptors wraps every call in interceptors, the first one outermost, inside those of earlier options.
func WithInterceptors(interceptors ...Interceptor) Option { return interceptorsOption(interceptors) }

type metadataOption pair

func (o metadataOption) applyCall(c *Call) { c.metadata.Add(o.key, o.value) }

// WithMetadata adds a value to the call's metadata.
func WithMetadata(key, value string) CallOption { return metadataOption{key, value} }

type onlyOption []string

func (o onlyOption) applyHandler(c *handlerConfig) {
	if c.only == nil {
		c.only = []string{}
	}
	c.only = append(c.only, o...)
}

// Only serves just the named rpcs of the service, none if there are no names. Where two versions of a service are served side by side, the
// older one needs to serve only what has changed since, and no rpc can be served twice.
func Only(rpcs ...string) HandlerOption { return onlyOption(rpcs) }
