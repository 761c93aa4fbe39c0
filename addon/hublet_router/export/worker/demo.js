// A stand-in for a Hublet on this machine: it says which one it is, and what has arrived.
export default {
  async fetch(request, { hublet }) {
    const { method, headers } = request;
    const { length } = new Uint8Array(await request.arrayBuffer());
    const received = { hublet, method, host: headers.get("host"), headers: [...headers.keys()], bytes: length };
    return new Response(`${JSON.stringify(received, null, 1)}\n`, {
      headers: { "Content-Type": "application/json", Hublet: hublet },
    });
  },
};
