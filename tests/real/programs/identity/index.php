<?php
// A small portal in PHP: who the assertion, the cookie and the header name.
require getenv('GATEWAY');
$claims = gateway_claims();
echo 'assertion [', $claims['preferred_username'] ?? '', ']';
echo ' cookie [', is_string($_COOKIE['PORTAL_USER'] ?? '') ? $_COOKIE['PORTAL_USER'] ?? '' : 'array', ']';
echo ' header [', $_SERVER['HTTP_PORTCULLIS_USER'] ?? '', ']';
