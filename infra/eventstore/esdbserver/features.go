package esdbserver

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	gossipapi "github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	featuresapi "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
)

type features struct {
	featuresapi.UnimplementedServerFeaturesServer
	server *Server
}

// GetSupportedMethods tells which calls are served, as the server is registered.
func (f features) GetSupportedMethods(context.Context, *shared.Empty) (*featuresapi.SupportedMethods, error) {
	out := &featuresapi.SupportedMethods{EventStoreServerVersion: Version}
	for service, info := range f.server.grpc.GetServiceInfo() {
		service = strings.ToLower(service)
		stateless := f.server.system == nil || f.server.opts.ReadOnly
		if strings.Contains(service, "persistent_subscriptions") && stateless {
			continue
		}
		for _, method := range info.Methods {
			name := strings.ToLower(method.Name)
			out.Methods = append(out.Methods, &featuresapi.SupportedMethod{
				MethodName: name, ServiceName: service, Features: methodFeatures(service, name),
			})
		}
	}
	return out, nil
}

func methodFeatures(service, method string) []string {
	switch {
	case strings.Contains(service, "persistent_subscriptions"):
		return []string{"stream", "all"}
	case strings.HasSuffix(service, ".streams") && method == "read":
		return []string{"position", "events"}
	case strings.HasSuffix(service, ".streams") && method == "batchappend":
		return []string{"deadline_duration"}
	}
	return nil
}

type gossip struct {
	gossipapi.UnimplementedGossipServer
	server *Server
}

// Read tells of the one member, which is alive and leads.
func (g gossip) Read(context.Context, *shared.Empty) (*gossipapi.ClusterInfo, error) {
	g.server.mu.Lock()
	address := g.server.advertise
	g.server.mu.Unlock()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the advertised address %q: %w", address, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("the advertised address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return &gossipapi.ClusterInfo{Members: []*gossipapi.MemberInfo{{
		InstanceId:   wireID(g.server.instance, true),
		TimeStamp:    ticks(time.Now()),
		State:        gossipapi.MemberInfo_Leader,
		IsAlive:      true,
		HttpEndPoint: &gossipapi.EndPoint{Address: host, Port: uint32(number)},
	}}}, nil
}
