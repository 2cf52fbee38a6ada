// A certified OpenID provider with paths as Entra has them, for the tests of the sign-in.
// Arguments: folder with node_modules, certificate (PEM), client secret. Prints its address.
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [tools, certificate, secret] = process.argv.slice(2);
const module = join(resolve(tools), 'node_modules/oidc-provider/lib/index.js');
const { Provider } = await import(pathToFileURL(module));
const x509 = new X509Certificate(readFileSync(certificate));
const jwk = {
  ...x509.publicKey.export({ format: 'jwk' }),
  use: 'sig',
  'x5t#S256': createHash('sha256').update(x509.raw).digest('base64url'),
};

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  const scopes = [`${base}/.default`, `${base}/User.Read.All`];
  const application = (client_id, more) => ({
    client_id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: scopes.join(' '), ...more,
  });
  const provider = new Provider(base, {
    clients: [
      application('by-certificate', {
        token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'PS256', jwks: { keys: [jwk] },
      }),
      application('by-secret', { token_endpoint_auth_method: 'client_secret_post', client_secret: secret }),
      {
        client_id: 'by-code', grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        redirect_uris: [], response_types: [], token_endpoint_auth_method: 'none',
      },
    ],
    scopes: ['openid', 'offline_access', ...scopes],
    features: { clientCredentials: { enabled: true }, deviceFlow: { enabled: true }, resourceIndicators: { enabled: false } },
    routes: { token: '/contoso.com/oauth2/v2.0/token', device_authorization: '/contoso.com/oauth2/v2.0/devicecode' },
    ttl: { ClientCredentials: 60, AccessToken: 1 },
    clientBasedCORS: () => false,
  });
  // Stands for the person who opens the page and types the code.
  const approve = async (code) => {
    const device = await provider.DeviceCode.findByUserCode(code.replace(/[^A-Z]/g, ''));
    const grant = new provider.Grant({ accountId: 'greta', clientId: device.clientId });
    grant.addOIDCScope(device.params.scope);
    Object.assign(device, {
      accountId: 'greta', authTime: Math.floor(Date.now() / 1000), grantId: await grant.save(), scope: device.params.scope,
    });
    await device.save();
  };
  const serve = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/approve/')) return serve(request, response);
    approve(decodeURIComponent(request.url.slice(9))).then(
      () => response.end('approved'),
      (error) => { response.statusCode = 500; response.end(String(error)); },
    );
  });
  console.log(base);
});
