package rpc

// ClientOption says how a client makes its calls.
type ClientOption interface{ applyClient(*clientConfig) }

// HandlerOption says how a service is served.
type HandlerOption interface{ applyHandler(*handlerConfig) }

// Option is one for both ends.
type Option interface {
	ClientOption
	HandlerOption
}

// CallOption says something of one call.
type CallOption interface{ applyCall(*Call) }

type clientConfig struct{ interceptors []Interceptor }

type handlerConfig struct{ interceptors []Interceptor }

type interceptorsOption []Interceptor

func (o interceptorsOption) applyClient(c *clientConfig) {
	c.interceptors = append(c.interceptors, o...)
}

func (o interceptorsOption) applyHandler(c *handlerConfig) {
	c.interceptors = append(c.interceptors, o...)
}

// WithInterceptors puts interceptors around every call, the first one outermost, inside those of earlier options.
func WithInterceptors(interceptors ...Interceptor) Option { return interceptorsOption(interceptors) }

type metadataOption pair

func (o metadataOption) applyCall(c *Call) { c.metadata.Add(o.key, o.value) }

// WithMetadata adds a value to the call's metadata.
func WithMetadata(key, value string) CallOption { return metadataOption{key, value} }
