// What Cloudflare does at its edge, for the laptop: `cf.resolveOverride`, which workerd ignores.
//
// There is a service for each Hublet and host, since workerd takes a fixed name for TLS from its
// configuration. A `*.` host has those that the examples of the table name.
export default {
  fetch(request, env) {
    const host = new URL(request.url).hostname.replace(/\.$/, "");
    const service = env[`${request.cf?.resolveOverride} ${host}`];
    return service ? service.fetch(request) : new Response("no such origin\n", { status: 530 });
  },
};
