// Addresses of the app's routes, relative to the page: it may lie below a prefix behind a proxy.

// values: the query string; empty values are left out.
export function routeUrl(path, values = {}, base = document.baseURI) {
  const url = new URL(path, base);
  url.search = "";
  for (const [name, value] of Object.entries(values)) if (value) url.searchParams.set(name, value);
  return url;
}

export function socketUrl(path, base = document.baseURI) {
  const url = routeUrl(path, {}, base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}
