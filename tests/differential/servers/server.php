<?php // What PHP reads from a request.
$body = file_get_contents('php://input');
$read = [['path', '', rawurldecode((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH))]];
foreach (['query' => $_GET, 'form' => $_POST, 'cookie' => $_COOKIE] as $place => $all)
    foreach ($all as $name => $value) $read[] = [$place, (string) $name, $value];
foreach ($_FILES as $name => $file)
    if (is_string($file['tmp_name'])) $read[] = ['form', (string) $name, @file_get_contents($file['tmp_name'])];
$read[] = ['json', '', json_decode($body)];
foreach (['PHP_AUTH_USER', 'PHP_AUTH_PW'] as $name)
    if (isset($_SERVER[$name])) $read[] = ['header', 'authorization', $_SERVER[$name]];
foreach (getallheaders() as $name => $value) $read[] = ['header', strtolower($name), $value];
header('Content-Type: application/json');
echo json_encode($read, JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR);
