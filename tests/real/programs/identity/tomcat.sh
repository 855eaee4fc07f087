#!/usr/bin/env bash
# Starts Tomcat (Debian's `tomcat10-common` and `tomcat10-user`) with a page that requires a user of
# the role `limited` and shows who it is.
#
#   tomcat.sh 127.0.0.1:9100 /some/folder
#
# With `GatewayUserValve.java` in the folder, the valve is compiled and names the user. Otherwise it is
# the account of HTTP Basic authentication: `ann`, password `shared-password`.
set -euo pipefail

home=${CATALINA_HOME:-/usr/share/tomcat10}
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$2" && pwd)
host=${1%:*} port=${1##*:}

mkdir -p "$folder"/{conf,lib,logs,temp,work,webapps}
cp "$home"/skel/conf/{catalina.properties,logging.properties,web.xml} "$folder/conf/"
cp -r "$here/tomcat" "$folder/webapps/ROOT"
valve=
if [[ -f $folder/GatewayUserValve.java ]]; then
  # Tomcat's own compiler for JSP, so that no JDK is needed.
  java -cp "$home/lib/*" org.eclipse.jdt.internal.compiler.batch.Main -17 -proc:none \
    -cp "$(printf '%s:' "$home"/lib/*.jar)" -d "$folder/classes" "$folder/GatewayUserValve.java"
  (cd "$folder/classes" && /usr/bin/python3 -m zipfile -c "$folder/lib/valve.jar" ./*.class)
  valve='<Valve className="GatewayUserValve"/>'
fi
echo "<Context>$valve</Context>" >"$folder/conf/context.xml"
cat >"$folder/conf/tomcat-users.xml" <<XML
<tomcat-users><user username="ann" password="shared-password" roles="limited"/></tomcat-users>
XML
cat >"$folder/conf/server.xml" <<XML
<Server port="-1">
  <GlobalNamingResources>
    <Resource name="UserDatabase" type="org.apache.catalina.UserDatabase" readonly="true"
              factory="org.apache.catalina.users.MemoryUserDatabaseFactory"
              pathname="conf/tomcat-users.xml"/>
  </GlobalNamingResources>
  <Service name="Catalina">
    <Connector address="$host" port="$port" protocol="HTTP/1.1"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="UserDatabase"/>
      <Host name="localhost" appBase="webapps"/>
    </Engine>
  </Service>
</Server>
XML
cd "$folder"
exec java -Xshare:auto -XX:TieredStopAtLevel=1 -Djava.io.tmpdir="$folder/temp" \
  -Djava.awt.headless=true -Djava.util.logging.config.file="$folder/conf/logging.properties" \
  -Djava.util.logging.manager=org.apache.juli.ClassLoaderLogManager \
  -Dcatalina.home="$home" -Dcatalina.base="$folder" \
  -classpath "$home/bin/bootstrap.jar:$home/bin/tomcat-juli.jar" \
  org.apache.catalina.startup.Bootstrap start
