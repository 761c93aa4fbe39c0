# For a laptop: workerd serve config.capnp
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = .services,
  sockets = [(name = "http", address = "127.0.0.1:$port", http = (), service = "router")]
);

const services :List(Workerd.Service) = [
  (name = "router", worker = .router),
  (name = "egress", worker = .egress),
  (name = "nowhere", network = (allow = [])),
  $servers
];

const router :Workerd.Worker = (
  compatibilityDate = "$date", globalOutbound = "egress",
  bindings = [(name = "HUBLET_PROXY_STATUS", text = "true")],
  modules = [
    $modules
  ]
);

const egress :Workerd.Worker = (
  compatibilityDate = "$date", globalOutbound = "nowhere",
  modules = [(name = "egress.js", esModule = embed "egress.js")],
  bindings = [
    $bindings
  ]
);
